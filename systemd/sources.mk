# The units of a production host. systemd/ has docs/operator.md's other half: who runs as whom.
systemdsystemunit_DATA = systemd/codeset-audit.service systemd/codeset-audit.timer \
	systemd/codeset-backup.service systemd/codeset-backup.timer \
	systemd/codeset-api@.service systemd/codeset-egress.service systemd/codeset-egress.socket \
	systemd/codeset-egress-wall.path systemd/codeset-egress-wall.service \
	systemd/codeset-egress-wall.timer systemd/codeset-engined.service \
	systemd/codeset-engined.socket systemd/codeset-metrics.socket \
	systemd/codeset-reaper.service systemd/codeset.target
outbounddir = $(systemdsystemunitdir)/codeset-api@outbound.service.d
dist_outbound_DATA = systemd/github.conf systemd/network.conf
EXTRA_DIST += systemd/codeset-audit.service.in systemd/codeset-audit.timer.in \
	systemd/codeset-backup.service.in systemd/codeset-backup.timer.in \
	systemd/codeset-api@.service.in systemd/codeset-egress.service.in \
	systemd/codeset-egress.socket.in systemd/codeset-egress-wall.path.in \
	systemd/codeset-egress-wall.service.in systemd/codeset-egress-wall.timer.in \
	systemd/codeset-engined.service.in \
	systemd/codeset-engined.socket.in systemd/codeset-metrics.socket.in \
	systemd/codeset-reaper.service.in \
	systemd/codeset.target.in systemd/sysusers.conf systemd/tmpfiles.conf
CLEANFILES += $(systemdsystemunit_DATA)

# From an installation to a running server, in one command.
sbin_SCRIPTS = systemd/codeset-setup
EXTRA_DIST += systemd/codeset-setup.in
CLEANFILES += $(sbin_SCRIPTS)

$(systemdsystemunit_DATA) $(sbin_SCRIPTS): systemd/%: systemd/%.in Makefile
	@$(MKDIR_P) systemd
	$(AM_V_GEN)sed -e 's|@sbindir[@]|$(sbindir)|g' \
	    -e 's|@nginxdir[@]|$(nginxdir)|g' -e 's|@docdir[@]|$(docdir)|g' \
	    -e 's|@version[@]|$(VERSION)|g' $< >$@.new
	@case $@ in *.*) ;; *) chmod 0755 $@.new ;; esac; mv $@.new $@

install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(prefix)/lib/sysusers.d' '$(DESTDIR)$(prefix)/lib/tmpfiles.d'
	$(INSTALL_DATA) $(srcdir)/systemd/sysusers.conf '$(DESTDIR)$(prefix)/lib/sysusers.d/codeset.conf'
	$(INSTALL_DATA) $(srcdir)/systemd/tmpfiles.conf '$(DESTDIR)$(prefix)/lib/tmpfiles.d/codeset.conf'

uninstall-hook:
	rm -f '$(DESTDIR)$(prefix)/lib/sysusers.d/codeset.conf' \
	    '$(DESTDIR)$(prefix)/lib/tmpfiles.d/codeset.conf'
