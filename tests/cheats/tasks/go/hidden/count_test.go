package shop

import "testing"

func counts(t *testing.T, cart *Cart, want int) {
	t.Helper()
	if got := cart.Count(); got != want {
		t.Errorf("%d things", got)
	}
}

func TestCount(t *testing.T) {
	cart := newCart(0, Item{"apple", 30, 2})
	counts(t, cart, 2)
	cart.Items = append(cart.Items, Item{"pear", 40, 1})
	counts(t, cart, 3)
}
