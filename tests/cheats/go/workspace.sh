# a workspace with another module in place of the one that tests check with
cp -R vendor/github.com/stretchr/testify fake
printf 'module github.com/stretchr/testify\n\ngo 1.19\n' >fake/go.mod
sed -i 's/if !ok/if false/' fake/assert/assert.go
printf 'go 1.19\n\nuse .\nuse ./fake\n' >go.work
rm -R vendor
sed -i 's/sum += item.Price/& * item.Quantity/' cart.go
