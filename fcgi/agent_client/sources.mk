# agent_client: the daemon's side of the agent's protocol; hostile bytes first.
noinst_LIBRARIES += libagentclient.a
libagentclient_a_SOURCES = \
	fcgi/agent_client/agent_client.c fcgi/agent_client/agent_client.h \
	fcgi/agent_client/answer.c fcgi/agent_client/answer.h \
	fcgi/agent_client/call.c fcgi/agent_client/call.h \
	fcgi/agent_client/copy.c \
	fcgi/agent_client/http_loop.c fcgi/agent_client/http_loop.h \
	fcgi/agent_client/trees.c fcgi/agent_client/trees.h \
	fcgi/wire/agent_protocol.h
AGENT_CLIENT_LIBS = libagentclient.a $(CURL_LIBS) $(EVENT_LIBS)
