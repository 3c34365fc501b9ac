// Package e2e runs the real secretscli with the real DPAPI plugin, as an operator
// would. It holds tests only.
package e2e
