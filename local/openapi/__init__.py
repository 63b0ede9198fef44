"""The API's description (OpenAPI 3.1) and its page for people, made from the code and from template.yaml."""
