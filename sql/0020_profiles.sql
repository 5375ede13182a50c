-- How commands are run, as far as a data set says it in place of the image: user, shell, environment
-- (wire/profile.h). A container has what held when it was made.
ALTER TABLE datasets ADD COLUMN profile TEXT NOT NULL DEFAULT '{}' COMMENT 'JSON object';
ALTER TABLE containers ADD COLUMN profile TEXT NOT NULL DEFAULT '{}' COMMENT 'of a session; a verification asks its data set';
