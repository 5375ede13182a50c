# http: requests, answers, fields, routes in general. Knows FastCGI, nothing of the domain.
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
	fcgi/http/answer.c fcgi/http/answer.h \
	fcgi/http/codes.c fcgi/http/codes.h \
	fcgi/http/fastcgi.c fcgi/http/fastcgi.h \
	fcgi/http/fields.c fcgi/http/fields.h \
	fcgi/http/gzip.c fcgi/http/gzip.h \
	fcgi/http/prefer.c fcgi/http/prefer.h \
	fcgi/http/render.c fcgi/http/render.h \
	fcgi/http/request.c fcgi/http/request.h \
	fcgi/http/router.c fcgi/http/router.h
HTTP_LIBS = libhttp.a $(BASE_LIBS) $(FCGI_LIBS) $(ZLIB_LIBS) -lm
