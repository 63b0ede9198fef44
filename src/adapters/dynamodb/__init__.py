"""DynamoDB: what readers see, and profiles."""
