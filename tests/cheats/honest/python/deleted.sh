# documents and examples deleted
fix
rm -rf docs examples artwork
