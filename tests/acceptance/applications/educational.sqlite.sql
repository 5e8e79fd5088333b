-- The educational platform, as it lies in SQLite: in own words, and in part.
CREATE TABLE quiz (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, created_at DATETIME);
INSERT INTO quiz VALUES (1, 'Owls', '2024-06-25 14:34:38.574204+02:00');
CREATE TABLE mastery (id INTEGER PRIMARY KEY AUTOINCREMENT, mastery_level REAL DEFAULT 0);
INSERT INTO mastery VALUES (1, 0.75);
CREATE TABLE user_stats (id INTEGER PRIMARY KEY AUTOINCREMENT, total_score REAL);
INSERT INTO user_stats VALUES (1, 3);
