CREATE TABLE users (
    id         text PRIMARY KEY,
    username   text NOT NULL,
    email      text NOT NULL,
    name       text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX users_by_username ON users (username, id);

-- Who holds which email, in lower case; user_id is empty until the profile stands.
CREATE TABLE email_claims (
    email    text PRIMARY KEY,
    username text NOT NULL,
    at       timestamptz NOT NULL,
    user_id  text
);
