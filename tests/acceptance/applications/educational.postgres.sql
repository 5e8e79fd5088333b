-- The educational platform, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE quizzes (id bigserial PRIMARY KEY, title text NOT NULL, created_at timestamptz);
CREATE TABLE masteries (id bigserial PRIMARY KEY, mastery_level double precision DEFAULT 0);
CREATE TABLE user_stats (id bigserial PRIMARY KEY, total_score double precision);
