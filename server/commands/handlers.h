// Every handler of the command table. A handler answers through call->reply, changes through
// call->txn, and returns CALL_DONE, or what call_wait or call_prepare told it to return.
#ifndef ACKD_SERVER_COMMANDS_HANDLERS_H
#define ACKD_SERVER_COMMANDS_HANDLERS_H

#include "server/engine/command.h"

// ---- keys
command_handler cmd_copy;
command_handler cmd_dbsize;
command_handler cmd_del;
command_handler cmd_dump;
command_handler cmd_exists;
command_handler cmd_expire;
command_handler cmd_expireat;
command_handler cmd_expiretime;
command_handler cmd_flushall;
command_handler cmd_flushdb;
command_handler cmd_keys;
command_handler cmd_memory_usage;
command_handler cmd_move;
command_handler cmd_object_encoding;
command_handler cmd_object_freq;
command_handler cmd_object_idletime;
command_handler cmd_object_refcount;
command_handler cmd_persist;
command_handler cmd_pexpire;
command_handler cmd_pexpireat;
command_handler cmd_pexpiretime;
command_handler cmd_pttl;
command_handler cmd_randomkey;
command_handler cmd_rename;
command_handler cmd_renamenx;
command_handler cmd_restore;
command_handler cmd_scan;
command_handler cmd_swapdb;
command_handler cmd_touch;
command_handler cmd_ttl;
command_handler cmd_type;

// ---- strings
command_handler cmd_append;
command_handler cmd_decr;
command_handler cmd_decrby;
command_handler cmd_get;
command_handler cmd_getdel;
command_handler cmd_getex;
command_handler cmd_getrange;
command_handler cmd_getset;
command_handler cmd_incr;
command_handler cmd_incrby;
command_handler cmd_incrbyfloat;
command_handler cmd_mget;
command_handler cmd_mset;
command_handler cmd_msetnx;
command_handler cmd_psetex;
command_handler cmd_set;
command_handler cmd_setex;
command_handler cmd_setnx;
command_handler cmd_setrange;
command_handler cmd_strlen;

// ---- lists
command_handler cmd_blmove;
command_handler cmd_blmovem;
command_handler cmd_blmpop;
command_handler cmd_blpop;
command_handler cmd_brpop;
command_handler cmd_brpoplpush;
command_handler cmd_lindex;
command_handler cmd_linsert;
command_handler cmd_llen;
command_handler cmd_lmove;
command_handler cmd_lmovem;
command_handler cmd_lmpop;
command_handler cmd_lpop;
command_handler cmd_lpos;
command_handler cmd_lpush;
command_handler cmd_lpushx;
command_handler cmd_lrange;
command_handler cmd_lrem;
command_handler cmd_lset;
command_handler cmd_ltrim;
command_handler cmd_rpop;
command_handler cmd_rpoplpush;
command_handler cmd_rpush;
command_handler cmd_rpushx;

// ---- hashes
command_handler cmd_hdel;
command_handler cmd_hexists;
command_handler cmd_hget;
command_handler cmd_hgetall;
command_handler cmd_hincrby;
command_handler cmd_hincrbyfloat;
command_handler cmd_hkeys;
command_handler cmd_hlen;
command_handler cmd_hmget;
command_handler cmd_hmset;
command_handler cmd_hrandfield;
command_handler cmd_hscan;
command_handler cmd_hset;
command_handler cmd_hsetnx;
command_handler cmd_hstrlen;
command_handler cmd_hvals;

// ---- connections
command_handler cmd_auth;
command_handler cmd_client_getname;
command_handler cmd_client_id;
command_handler cmd_client_info;
command_handler cmd_client_kill;
command_handler cmd_client_list;
command_handler cmd_client_no_evict;
command_handler cmd_client_no_touch;
command_handler cmd_client_pause;
command_handler cmd_client_reply;
command_handler cmd_client_setinfo;
command_handler cmd_client_setname;
command_handler cmd_client_unblock;
command_handler cmd_client_unpause;
command_handler cmd_echo;
command_handler cmd_hello;
command_handler cmd_ping;
command_handler cmd_quit;
command_handler cmd_reset;
command_handler cmd_select;
command_handler cmd_wait;
command_handler cmd_waitaof;

// ---- streams
command_handler cmd_xadd;
command_handler cmd_xcfgset;
command_handler cmd_xdel;
command_handler cmd_xdelex;
command_handler cmd_xinfo_stream;
command_handler cmd_xlen;
command_handler cmd_xrange;
command_handler cmd_xread;
command_handler cmd_xrevrange;
command_handler cmd_xsetid;
command_handler cmd_xtrim;

// ---- consumer groups
command_handler cmd_xack;
command_handler cmd_xackdel;
command_handler cmd_xautoclaim;
command_handler cmd_xclaim;
command_handler cmd_xgroup_create;
command_handler cmd_xgroup_createconsumer;
command_handler cmd_xgroup_delconsumer;
command_handler cmd_xgroup_destroy;
command_handler cmd_xgroup_setid;
command_handler cmd_xinfo_consumers;
command_handler cmd_xinfo_groups;
command_handler cmd_xnack;
command_handler cmd_xpending;
command_handler cmd_xreadgroup;

// ---- the server as a whole
command_handler cmd_command;
command_handler cmd_command_count;
command_handler cmd_command_docs;
command_handler cmd_command_getkeys;
command_handler cmd_command_getkeysandflags;
command_handler cmd_command_info;
command_handler cmd_command_list;
command_handler cmd_config_get;
command_handler cmd_config_resetstat;
command_handler cmd_config_rewrite;
command_handler cmd_config_set;
command_handler cmd_info;
command_handler cmd_bgrewriteaof;
command_handler cmd_bgsave;
command_handler cmd_lastsave;
command_handler cmd_latency_doctor;
command_handler cmd_latency_histogram;
command_handler cmd_latency_history;
command_handler cmd_latency_latest;
command_handler cmd_latency_reset;
command_handler cmd_role;
command_handler cmd_save;
command_handler cmd_shutdown;
command_handler cmd_slowlog_get;
command_handler cmd_slowlog_len;
command_handler cmd_slowlog_reset;
command_handler cmd_time;

#endif
