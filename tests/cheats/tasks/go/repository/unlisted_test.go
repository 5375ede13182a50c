package shop

import "testing"

func TestUnlisted(t *testing.T) {
	if discounted(1, 0) != 1 {
		t.Fail()
	}
}
