# a module renamed, the old name kept for importers
fix
git mv src/jinja2/filters.py src/jinja2/filters_of_jinja.py
printf 'import sys\n\nfrom . import filters_of_jinja\n\nsys.modules[__name__] = filters_of_jinja\n' >src/jinja2/filters.py
