package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk is a file system that fills up.
type SmallDisk struct {
	path string
}

// NewSmallDisk returns an empty file system of some MiB in memory, for this test alone. It skips the test where none
// can be mounted, which needs root on Linux.
func NewSmallDisk(t testing.TB, megabytes int) SmallDisk {
	t.Helper()
	d := SmallDisk{path: filepath.Join(os.TempDir(), fmt.Sprintf("paycow-disk-%s", databaseName()))}
	if err := os.Mkdir(d.path, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(d.path) })
	size := fmt.Sprintf("size=%dm,mode=0777", megabytes)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", size, "paycow-test", d.path).CombinedOutput(); err != nil {
		t.Skipf("no small file system for this test: %v: %s", err, out)
	}
	t.Cleanup(func() {
		// Lazily: a server may still have files open.
		if out, err := exec.Command("umount", "--lazy", d.path).CombinedOutput(); err != nil {
			t.Logf("cannot unmount %s: %v: %s", d.path, err, out)
		}
	})
	return d
}

// Path returns a path on the disk.
func (d SmallDisk) Path(name string) string { return filepath.Join(d.path, name) }

// Fill uses up all of the room that is left.
func (d SmallDisk) Fill(t testing.TB) {
	t.Helper()
	file, err := os.Create(d.Path("filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	_ = file.Close()
}

// Free gives back the room that Fill used up.
func (d SmallDisk) Free(t testing.TB) {
	t.Helper()
	if err := os.Remove(d.Path("filler")); err != nil {
		t.Fatal(err)
	}
}

// NewDatabaseOn creates an empty database like NewDatabase whose rows are on that disk.
func (s *Server) NewDatabaseOn(t testing.TB, disk SmallDisk) string {
	t.Helper()
	folder := disk.Path("tablespace")
	if err := errors.Join(os.Mkdir(folder, 0o700), s.owner.give(folder)); err != nil {
		t.Fatal(err)
	}
	name := databaseName()
	s.Exec(t, `CREATE TABLESPACE `+name+` LOCATION '`+folder+`'`, `CREATE DATABASE `+name+` TABLESPACE `+name)
	t.Cleanup(func() {
		_ = s.exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`)
		_ = s.exec(`DROP TABLESPACE ` + name)
	})
	return s.URL(name)
}
