# nginx's part: the site file is the operator's to edit, the two that it includes are not.
nginxdir = $(pkgdatadir)/nginx
nginx_DATA = nginx/codeset-http.conf nginx/codeset-server.conf nginx/codeset-site.conf
EXTRA_DIST += nginx/codeset-http.conf.in nginx/codeset-server.conf.in nginx/codeset-site.conf.in
CLEANFILES += $(nginx_DATA)

# The paths are those of the settings' defaults and of the units.
nginx_edit = sed -e 's|@nginxdir[@]|$(nginxdir)|g' -e 's|@rundir[@]|/run/codeset|g' \
	-e 's|@pooldir[@]|/run/codeset/pool|g' \
	-e 's|@logdir[@]|/var/log/nginx|g' -e 's|@pack_dir[@]|/var/lib/codeset/packs|g' \
	-e 's|@page_dir[@]|/run/codeset/pages|g' \
	-e 's|@results_dir[@]|/var/lib/codeset/results|g' \
	-e 's|@openapi[@]|$(pkgdatadir)/openapi.json|g' -e 's|@viewer[@]|$(pkgdatadir)/viewer|g'

$(nginx_DATA): nginx/%.conf: nginx/%.conf.in Makefile
	@$(MKDIR_P) nginx
	$(AM_V_GEN)$(nginx_edit) $< >$@.new && mv $@.new $@
