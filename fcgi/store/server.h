/*
 * server.h - what the preflight asks of MariaDB.
 */
#ifndef CODESET_STORE_SERVER_H
#define CODESET_STORE_SERVER_H

#include <stdint.h>

#include "base/error.h"

struct db;

#define SERVER_VERSION_SIZE 64
#define SERVER_PATH_SIZE 512

struct server_info {
    char version[SERVER_VERSION_SIZE]; /* "10.11.6-MariaDB-..." */
    int64_t max_allowed_packet;        /* bytes */
    int64_t max_connections;
    int64_t now; /* MariaDB's clock */
    char datadir[SERVER_PATH_SIZE];
};

int store_server_info(struct db *db, struct server_info *ret_info, struct error *err);

#endif
