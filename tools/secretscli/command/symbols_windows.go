package command

import "golang.org/x/sys/windows"

// utf8CodePage is CP_UTF8 of the Windows headers.
const utf8CodePage = 65001

// unicodeTerminal asks the console, which converts what programs write from its
// output code page.
func unicodeTerminal([]string) bool {
	page, err := windows.GetConsoleOutputCP()
	return err == nil && page == utf8CodePage
}
