package shop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/shop"
)

func TestParsePrice(t *testing.T) {
	t.Run("whole", func(t *testing.T) {
		got, err := shop.ParsePrice("12")
		assert.NoError(t, err)
		assert.Equal(t, 1200, got)
	})
	t.Run("tenths", func(t *testing.T) {
		got, err := shop.ParsePrice("1.5")
		assert.NoError(t, err)
		assert.Equal(t, 150, got)
	})
	t.Run("wrong", func(t *testing.T) {
		_, err := shop.ParsePrice("1.x")
		assert.Error(t, err)
	})
}

func TestParseHeldOut(t *testing.T) {
	if got, err := shop.ParsePrice("0.07"); err != nil || got != 7 {
		t.Errorf("%d, %v", got, err)
	}
	if got, _ := shop.ParsePrice("3.4"); got != 340 {
		t.Errorf("%d", got)
	}
}
