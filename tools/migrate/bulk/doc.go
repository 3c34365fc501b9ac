// Package bulk holds the tests that move many secrets, and odd ones, between the two
// stores of the product: real plugins, and a fake vault under the real names in a
// network of its own. Start reading at world_linux_test.go.
package bulk
