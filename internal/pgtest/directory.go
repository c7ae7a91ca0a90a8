package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	directoryPattern = "paycow-pgtest-*"
	lockSuffix       = ".lock"

	// memoryDir is a file system in memory on Linux. Creating a database there takes a tenth of the time.
	memoryDir = "/dev/shm"
	// memoryNeeded is how much of it must be free, in bytes. Containers often have a small one.
	memoryNeeded = 2 << 30
)

// directory is a server's throw-away directory. It is locked for as long as this process lives, so that a later process
// can tell the directories of tests that were killed and remove them: in memory they would stay until the machine
// restarts.
type directory struct {
	path string
	lock *os.File
}

// newDirectory makes a directory in memory where there is room, else in the usual place for temporary files. A durable
// server's directory is never in memory.
func newDirectory(durable bool) (*directory, error) {
	base := os.TempDir()
	var free syscall.Statfs_t
	if !durable && syscall.Statfs(memoryDir, &free) == nil && free.Bavail*uint64(free.Bsize) >= memoryNeeded {
		base = memoryDir
	}
	removeAbandoned(base)
	lock, err := os.CreateTemp(base, directoryPattern+lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("make the server's directory: %w", err)
	}
	d := &directory{path: lock.Name()[:len(lock.Name())-len(lockSuffix)], lock: lock}
	err = tryLock(lock)
	if err == nil {
		err = os.Mkdir(d.path, 0o700)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the server's directory: %w", err), lock.Close())
	}
	return d, nil
}

func (d *directory) remove() {
	_ = os.RemoveAll(d.path)
	_ = os.Remove(d.lock.Name())
	_ = d.lock.Close()
}

// removeAbandoned removes the directories that no living process has locked.
func removeAbandoned(base string) {
	locks, _ := filepath.Glob(filepath.Join(base, directoryPattern+lockSuffix))
	for _, name := range locks {
		lock, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue // another user's, or just removed
		}
		if tryLock(lock) == nil {
			(&directory{path: name[:len(name)-len(lockSuffix)], lock: lock}).remove()
			continue
		}
		_ = lock.Close()
	}
}

func tryLock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
