-- What sessions may reach. A data set says it for its sessions; a container has what held when it was
-- made. The grammar is that of agents' egress ("none", "public", "allow:HOST,..."; wire/egress.h).
ALTER TABLE datasets ADD COLUMN egress VARCHAR(4096) NOT NULL DEFAULT 'none';
ALTER TABLE containers ADD COLUMN egress VARCHAR(4096) NOT NULL DEFAULT 'none' COMMENT 'of a session; a job says its own';
