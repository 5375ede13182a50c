// Package assert has as much of testify's as the tests need.
package assert

import "reflect"

type TestingT interface {
	Errorf(format string, args ...interface{})
}

func check(t TestingT, ok bool, args ...interface{}) bool {
	if !ok {
		t.Errorf("unexpected: %v", args)
	}
	return ok
}

func Equal(t TestingT, expected, actual interface{}, _ ...interface{}) bool {
	return check(t, reflect.DeepEqual(expected, actual), expected, actual)
}

func NotEqual(t TestingT, expected, actual interface{}, _ ...interface{}) bool {
	return check(t, !reflect.DeepEqual(expected, actual), expected, actual)
}

func NoError(t TestingT, err error, _ ...interface{}) bool {
	return check(t, err == nil, err)
}

func Error(t TestingT, err error, _ ...interface{}) bool {
	return check(t, err != nil, err)
}
