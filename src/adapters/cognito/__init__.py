"""Sign-in accounts in a Cognito user pool."""
