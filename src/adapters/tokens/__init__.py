"""Bearer tokens: Cognito's access JWTs, verified with its published keys."""
