// Tells the service manager how far we are (systemd's notification protocol: one datagram of
// KEY=value lines to the socket that the environment names). Without NOTIFY_SOCKET nothing happens.
#ifndef ACKD_SERVER_NET_NOTIFY_H
#define ACKD_SERVER_NET_NOTIFY_H

// `state`: "READY=1\nSTATUS=...". Never blocks; a failure is ignored: the manager has a timeout.
void notify_send(const char *state);

#endif
