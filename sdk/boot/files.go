package boot

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/identitymesh/identitymesh/sdk/appsettings"
	"github.com/identitymesh/identitymesh/sdk/logfile"
)

const mebibyte = 1 << 20

// openFiles opens the log files, and returns nil when none are wanted.
func openFiles(c Config, settings *appsettings.Settings) (*logfile.Writer, error) {
	file := settings.Logging.File
	if file.Folder == "" && c.Files {
		file.Folder = filepath.Join(settings.Product.DataFolder, "logs")
	}
	if file.Folder == "" {
		return nil, nil
	}
	w, err := logfile.Open(logfile.Config{
		Folder: file.Folder, Name: c.Service, MaxBytes: int64(file.MaxSize) * mebibyte, MaxFiles: file.MaxFiles,
	})
	if err != nil {
		return nil, fmt.Errorf("log to files (Logging:File:Folder): %w", err)
	}
	return w, nil
}

func (p *Program) closeFiles() error {
	if p.files == nil {
		return nil
	}
	return p.files.Close()
}

// tee writes to all, also when some fail: a service on Windows has no standard error
// at all, and a full disk must not silence what still works.
type tee []io.Writer

func (t tee) Write(line []byte) (int, error) {
	for _, w := range t {
		_, _ = w.Write(line)
	}
	return len(line), nil
}
