package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// installation is a pair of programs of one PostgreSQL version.
type installation struct {
	initdb, postgres string
}

// findInstallation looks in PATH and then in Debian's folders, newest version first.
func findInstallation() (installation, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if postgres, err := exec.LookPath("postgres"); err == nil {
			return installation{initdb, postgres}, nil
		}
	}
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	for _, folder := range folders {
		found := installation{filepath.Join(folder, "initdb"), filepath.Join(folder, "postgres")}
		if executable(found.initdb) && executable(found.postgres) {
			return found, nil
		}
	}
	return installation{}, errors.New("initdb and postgres are neither in PATH nor under /usr/lib/postgresql")
}

// find returns another program of the same version.
func (i installation) find(name string) (string, error) {
	postgres, err := filepath.EvalSymlinks(i.postgres)
	if err != nil {
		return "", err
	}
	program := filepath.Join(filepath.Dir(postgres), name)
	if !executable(program) {
		return "", errors.New(program + " does not exist")
	}
	return program, nil
}

func majorVersion(binFolder string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(binFolder)))
	return version
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// owner is the user that the server runs as. It is nil when that is the user of this process.
type owner struct {
	uid, gid int
}

// findOwner picks the user to run the server as. PostgreSQL refuses to run as root, so root runs it as an unprivileged
// user.
func findOwner() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no owner: the server runs as ourselves
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &owner{uid, gid}, nil
		}
	}
	return nil, errors.New("running as root and there is no user postgres or nobody to run the server as")
}

func (o *owner) give(dir string) error {
	if o == nil {
		return nil
	}
	return os.Chown(dir, o.uid, o.gid)
}

func (o *owner) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		// A process group of its own, so that Ctrl-C in the terminal reaches the tests and not their server.
		Setpgid: true,
	}
	tieToParent(attr)
	if o != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return attr
}
