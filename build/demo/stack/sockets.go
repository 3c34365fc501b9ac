package stack

import (
	"fmt"
	"os"
	"runtime"
)

// longestDataFolder is the longest path that leaves room for what the product puts
// behind it: it talks to its plugins over unix sockets, whose paths have at most
// 103 bytes.
const longestDataFolder = 45

// socketFolder returns what to put into the environment so that sockets have short
// paths even when the repository lies deep; "" when the data folder will do. What
// it makes is removed by Stop.
func (s *Stack) socketFolder() (variable string, err error) {
	if runtime.GOOS == "windows" || len(s.dataFolder()) <= longestDataFolder {
		return "", nil
	}
	if s.sockets == "" {
		// Not the folder that the environment names, which may be long too.
		if s.sockets, err = os.MkdirTemp("/tmp", "imesh-"); err != nil {
			return "", fmt.Errorf("make a folder for sockets, because %s is too long for them: %w", s.dataFolder(), err)
		}
	}
	return "RUNTIME_DIRECTORY=" + s.sockets, nil
}

func (s *Stack) removeSockets() error {
	if s.sockets == "" {
		return nil
	}
	return os.RemoveAll(s.sockets)
}
