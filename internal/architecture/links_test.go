package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// localTarget matches what a link or an image of a Markdown document points to, without an anchor.
var localTarget = regexp.MustCompile(`(?:\]\(|src="|href=")([^)"#\s]+)`)

// TestLinksAndPicturesExist looks up each file that a document of the repository links to or shows.
func TestLinksAndPicturesExist(t *testing.T) {
	t.Parallel()
	found := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "node_modules" || name == "bin" || strings.HasPrefix(name, ".") && name != "..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range localTarget.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(match[1], ":") || strings.HasPrefix(match[1], "/") {
				continue // another site, or a running PayCow
			}
			found++
			_, err := os.Stat(filepath.Join(filepath.Dir(path), match[1]))
			assert.NoError(t, err, "%s: %s", path, match[1])
		}
		return nil
	}))
	require.Greater(t, found, 100)
}
