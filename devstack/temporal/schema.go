package temporal

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	"go.temporal.io/server/schema"
)

// schemaStep is one versioned folder of Temporal's embedded schema.
type schemaStep struct {
	version  semver.Version
	dir      string
	manifest struct {
		CurrVersion          string
		MinCompatibleVersion string
		Description          string
		SchemaUpdateCqlFiles []string
	}
	md5 string
}

// migrate applies the steps that a database lacks. It writes the same version tables as Temporal's own SQL tool, so
// that the server's version check passes and the tool can be used on this database later.
func migrate(cfg *config.SQL, schemaName string, log *logAdapter) error {
	db, err := sql.NewSQLAdminDB(
		sqlplugin.DbKindUnknown, cfg, resolver.NewNoopResolver(), log, metrics.NoopMetricsHandler)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := db.CreateSchemaVersionTables(); err != nil {
		return err
	}
	// An empty version table means that no step has been applied.
	currentText, err := db.ReadSchemaVersion(cfg.DatabaseName)
	if err != nil {
		currentText = "0.0"
	}
	current, err := semver.ParseTolerant(currentText)
	if err != nil {
		return err
	}
	steps, err := schemaSteps(schemaName)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if step.version.LE(current) {
			continue
		}
		if err := apply(db, cfg.DatabaseName, currentText, step); err != nil {
			return fmt.Errorf("apply step %s: %w", step.manifest.CurrVersion, err)
		}
		currentText = step.manifest.CurrVersion
	}
	return nil
}

// schemaSteps reads the folders v1.0, v1.1 and so on, in the order of their versions.
func schemaSteps(schemaName string) ([]schemaStep, error) {
	root := path.Join(schemaName, "versioned")
	folders, err := fs.ReadDir(schema.Assets(), root)
	if err != nil {
		return nil, err
	}
	var steps []schemaStep
	for _, folder := range folders {
		step := schemaStep{dir: path.Join(root, folder.Name())}
		if step.version, err = semver.ParseTolerant(folder.Name()); err != nil {
			return nil, err
		}
		text, err := fs.ReadFile(schema.Assets(), path.Join(step.dir, "manifest.json"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &step.manifest); err != nil { //nolint:musttag // the files use the field names
			return nil, fmt.Errorf("read the manifest of %s: %w", step.dir, err)
		}
		sum := md5.Sum(text)
		step.md5 = hex.EncodeToString(sum[:])
		steps = append(steps, step)
	}
	slices.SortFunc(steps, func(a, b schemaStep) int { return a.version.Compare(b.version) })
	return steps, nil
}

// apply runs the statements of a step and records its version. It can be repeated after a failure.
func apply(db sqlplugin.AdminDB, database, from string, step schemaStep) error {
	for _, file := range step.manifest.SchemaUpdateCqlFiles {
		text, err := fs.ReadFile(schema.Assets(), path.Join(step.dir, file))
		if err != nil {
			return err
		}
		statements, err := persistence.LoadAndSplitQueryFromReaders([]io.Reader{bytes.NewReader(text)})
		if err != nil {
			return err
		}
		for _, statement := range statements {
			// "already exists" means that an earlier attempt at this step was interrupted.
			if err := db.Exec(statement); err != nil && !strings.Contains(err.Error(), "already exist") {
				return err
			}
		}
	}
	if err := db.UpdateSchemaVersion(database, step.manifest.CurrVersion, step.manifest.MinCompatibleVersion); err != nil {
		return err
	}
	return db.WriteSchemaUpdateLog(from, step.manifest.CurrVersion, step.md5, step.manifest.Description)
}
