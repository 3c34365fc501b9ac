package host_test

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processesOf returns the names of the living processes that have the mark in
// their environment.
func processesOf(mark string) (found []string) {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return []string{"processes cannot be listed: " + err.Error()}
	}
	defer windows.CloseHandle(all)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &entry); err == nil; err = windows.Process32Next(all, &entry) {
		pid := entry.ProcessID
		if slices.Contains(environment(pid), mark) && alive(fmt.Sprint(pid)) {
			found = append(found, fmt.Sprintf("process %d %s", pid, windows.UTF16ToString(entry.ExeFile[:])))
		}
	}
	return found
}

// environment reads the variables of a process out of its memory. That of an ended
// one is gone, that of another user cannot be read.
func environment(pid uint32) []string {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, pid)
	if err != nil {
		return nil
	}
	defer windows.CloseHandle(h)
	// Addresses of another process are kept as numbers, so that nobody follows them.
	word := func(at, offset uintptr) (value uintptr) {
		_ = windows.ReadProcessMemory(h, at+offset, (*byte)(unsafe.Pointer(&value)), unsafe.Sizeof(value), nil)
		return value
	}
	var info windows.PROCESS_BASIC_INFORMATION
	if err := windows.NtQueryInformationProcess(h, windows.ProcessBasicInformation, unsafe.Pointer(&info), uint32(unsafe.Sizeof(info)), nil); err != nil {
		return nil
	}
	params := word(uintptr(unsafe.Pointer(info.PebBaseAddress)), unsafe.Offsetof(windows.PEB{}.ProcessParameters))
	size := word(params, unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.EnvironmentSize))
	block := make([]uint16, min(size, 1<<20)/2+1)
	from := word(params, unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.Environment))
	if err := windows.ReadProcessMemory(h, from, (*byte)(unsafe.Pointer(&block[0])), uintptr(len(block)-1)*2, nil); err != nil {
		return nil
	}
	return strings.Split(string(utf16.Decode(block)), "\x00")
}
