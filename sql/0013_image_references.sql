-- Where a registry has the image of a sample, as the data set says.
ALTER TABLE samples
    ADD COLUMN image_reference VARCHAR(512) NULL COMMENT 'as skopeo takes it; NULL: the row says none';
