# says in go.mod that it needs a newer language, formats that file, and uses what it has
fix
sed -i 's/^go 1.19$/go 1.20 \/\/ "no" older one, \/* please/; s/^require \(.*\)$/require (\n\t\1\n)/' go.mod
cat >generic.go <<'GO'
package shop

func times[T int | int64](a, b T) T { return a * b }
GO
sed -i 's/item.Price \* item.Quantity/times(item.Price, item.Quantity)/' cart.go
