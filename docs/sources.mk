# What is installed as it lies in the tree: migrations, the API's description, guides, man pages.
# By folder, so that a migration or a page is added by adding the file.
EXTRA_DIST += docs monitoring sql

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(pkgdatadir)/sql' '$(DESTDIR)$(docdir)' '$(DESTDIR)$(pkgdatadir)/viewer'
	for file in $(srcdir)/sql/*.sql; do \
	    $(INSTALL_DATA) "$$file" '$(DESTDIR)$(pkgdatadir)/sql' || exit 1; done
	$(MKDIR_P) '$(DESTDIR)$(pkgdatadir)/monitoring'
	for file in $(srcdir)/monitoring/*; do \
	    $(INSTALL_DATA) "$$file" '$(DESTDIR)$(pkgdatadir)/monitoring' || exit 1; done
	for file in $(srcdir)/README.md $(srcdir)/docs/*.md; do \
	    $(INSTALL_DATA) "$$file" '$(DESTDIR)$(docdir)' || exit 1; done
	for file in $(srcdir)/docs/openapi.json; do [ -e "$$file" ] || continue; \
	    $(INSTALL_DATA) "$$file" '$(DESTDIR)$(pkgdatadir)' || exit 1; done
	for file in $(srcdir)/docs/*.[1-9]; do [ -e "$$file" ] || continue; \
	    section=$${file##*.}; $(MKDIR_P) "$(DESTDIR)$(mandir)/man$$section"; \
	    $(INSTALL_DATA) "$$file" "$(DESTDIR)$(mandir)/man$$section" || exit 1; done

	for file in $(viewer_files); do \
	    $(INSTALL_DATA) "$(srcdir)/docs/viewer/$$file" '$(DESTDIR)$(pkgdatadir)/viewer' || exit 1; done
	$(INSTALL_DATA) viewer/redoc.standalone.js viewer/redoc.standalone.js.LICENSE.txt '$(DESTDIR)$(pkgdatadir)/viewer'

uninstall-local:
	rm -rf '$(DESTDIR)$(pkgdatadir)/sql' '$(DESTDIR)$(pkgdatadir)/monitoring' '$(DESTDIR)$(docdir)' \
	    '$(DESTDIR)$(pkgdatadir)/viewer'
	rm -f '$(DESTDIR)$(pkgdatadir)/openapi.json'
	for file in $(srcdir)/docs/*.[1-9]; do \
	    rm -f "$(DESTDIR)$(mandir)/man$${file##*.}/$${file##*/}"; done

# What shows the API's description in a browser, at /docs. Its program comes from npm.
viewer_files = index.html page.css start.js
noinst_DATA = viewer/redoc.standalone.js
CLEANFILES += viewer/redoc.standalone.js viewer/redoc.standalone.js.LICENSE.txt

viewer/redoc.standalone.js: docs/viewer/fetch
	@$(MKDIR_P) viewer
	$(AM_V_GEN)$(srcdir)/docs/viewer/fetch $@

# By hand, after a change of the endpoints: what is in the tree is what it made.
docs/openapi.json: docs/make-openapi docs/schemas.json
	$(srcdir)/docs/make-openapi >$(srcdir)/$@.new
	mv $(srcdir)/$@.new $(srcdir)/$@
