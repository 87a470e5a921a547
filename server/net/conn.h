// A client's socket. Bytes are read straight into the engine's input and written straight from the
// client's outbox; there is no buffer in between. Owned by the server's list; closes itself.
#ifndef ACKD_SERVER_NET_CONN_H
#define ACKD_SERVER_NET_CONN_H

#include <stdbool.h>

struct server;
struct conn;

// Takes an accepted, non-blocking socket. The client may be refused: then it is told and closed.
void conn_open(struct server *server, int fd, bool is_unix);

// Writes what may leave and closes when nothing more will come. Call for each client that the
// engine hands out as sendable.
void conn_send(struct conn *conn);

void conn_resume(struct conn *conn);        // the engine takes requests again
void conn_stop_reading(struct conn *conn);  // the server is stopping
void conn_close(struct conn *conn);         // at once; the client is gone when this returns
void conn_close_if_left(struct conn *conn); // see struct conn.leaving

// The links of server->conns and server->leaving to their conn.
struct link;
struct conn *conn_of_all(struct link *link);
struct conn *conn_of_leaving(struct link *link);

#endif
