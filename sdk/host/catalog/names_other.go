//go:build !windows

package catalog

func sameName(a, b string) bool { return a == b }
