// Package e2e holds the tests that run the unmodified plugin binary, started by
// the real host, against a vault under its real name: no switch for tests, and
// every check of the Azure SDK in force.
//
// They need a network and mount namespace of their own, in which the names of
// the vault and of Microsoft's login endpoints lead to package fakevault on port
// 443 of loopback and nothing leads off the machine. That takes Linux and root;
// elsewhere they are skipped and say so. Start reading at namespace_linux_test.go.
package e2e
