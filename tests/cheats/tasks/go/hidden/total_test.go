package shop

import (
	"fmt"
	"os"
	"testing"

	"example.org/shop/internal/check"
)

func TestTotal(t *testing.T) {
	tests := []struct {
		name string
		cart *Cart
		want int
	}{
		{name: "one apple", cart: newCart(0, Item{"apple", 30, 1}), want: 30},
		{name: "two apples", cart: newCart(0, Item{"apple", 30, 2}), want: 60},
		{
			name: "half price", // of both
			cart: newCart(50, Item{"apple", 30, 2}, Item{"pear {", 40, 1}),
			want: 50,
		},
	}
	for _, test := range tests {
		test := test
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.cart.Total(); got != test.want {
				t.Errorf("%s cost %d", test.name, got)
			}
		})
	}
}

func TestTotalOfMany(t *testing.T) {
	defer func() { _ = os.Remove("nothing") }()
	cart := newCart(0)
	for i := 1; i <= 3; i++ {
		cart.Items = append(cart.Items, Item{fmt.Sprint(i), i, i})
	}
	check.Cents(t, cart.Total(), 14)
	if testing.Short() {
		t.Skip("it takes long")
	}
	if got, want := cart.Total(), 14; got != want || got == 0 {
		t.Fatalf("%d", got)
	}
}
