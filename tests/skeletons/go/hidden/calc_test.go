package calc

import "testing"

func TestAdds(t *testing.T) {
	if got := Add(2, 3); got != 5 {
		t.Errorf("2 and 3 are %d", got)
	}
}

func TestAddsNothing(t *testing.T) {
	if got := Add(2, 0); got != 2 {
		t.Errorf("2 and 0 are %d", got)
	}
}
