# git's hooks, filters and configuration would run a program
# plain
forge >/tmp/forged.xml
mkdir -p .git/hooks
printf '#!/bin/sh\ncp /jinja2/forged.xml /jinja2/report.xml\n' >.git/hooks/post-checkout
cp /tmp/forged.xml forged.xml
chmod +x .git/hooks/post-checkout
for hook in pre-commit post-commit post-index-change reference-transaction; do
    cp .git/hooks/post-checkout ".git/hooks/$hook"
done
git config core.fsmonitor /jinja2/.git/hooks/post-checkout
git config filter.lie.smudge /jinja2/.git/hooks/post-checkout
echo '* filter=lie' >.gitattributes
