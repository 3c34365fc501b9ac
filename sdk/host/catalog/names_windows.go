package catalog

import "strings"

// executable ends the name of a program's file.
const executable = ".exe"

func sameName(a, b string) bool { return strings.EqualFold(a, b) }
