//go:build !slim

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"paycow/chain"
	"paycow/models"
)

const (
	devDataDir      = ".paycow"
	devFileName     = "dev.json"
	devEnvName      = "dev.env"
	devSecretsName  = "secrets.json"
	devDatabaseName = "paycow.db"
)

// devFile is dev.json: all that a developer or a test needs to use the running stack.
type devFile struct {
	APIURL            string      `json:"apiUrl"`
	TemporalAddress   string      `json:"temporalAddress"`
	TemporalNamespace string      `json:"temporalNamespace"`
	TemporalUIURL     string      `json:"temporalUiUrl"`
	RPCURL            string      `json:"rpcUrl"`
	WSURL             string      `json:"wsUrl"` // "" with an outside node that is used over http
	ChainID           uint64      `json:"chainId"`
	TokenAddress      string      `json:"tokenAddress"`
	TokenOwnerKey     string      `json:"tokenOwnerKey"` // "" with outside nodes
	FaucetKey         string      `json:"faucetKey"`     // "" with outside nodes
	XPub              string      `json:"xpub"`
	Operator          devOperator `json:"operator"`
	Admin             devAdmin    `json:"admin"`
}

type devOperator struct {
	Email     string `json:"email"`
	Password  string `json:"password"`
	APIKey    string `json:"apiKey"`
	APISecret string `json:"apiSecret"`
	// A key for test payments; both are empty if there is none.
	TestAPIKey    string `json:"testApiKey"`
	TestAPISecret string `json:"testApiSecret"`
}

type devAdmin struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// devSecrets is secrets.json. It is made once for a data directory.
type devSecrets struct {
	MasterKey        string `json:"masterKey"`
	Seed             string `json:"seed"` // of the deposit addresses
	OperatorPassword string `json:"operatorPassword"`
	AdminPassword    string `json:"adminPassword"`
}

// readDevFile reads the dev.json of a running stack.
func readDevFile(dir string) (devFile, error) {
	var file devFile
	content, err := os.ReadFile(filepath.Join(dir, devFileName)) //nolint:gosec // in the directory that the user named
	if err != nil {
		return file, fmt.Errorf("is `paycow dev` running? %w", err)
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return file, fmt.Errorf("read %s: %w", devFileName, err)
	}
	return file, nil
}

// prepareDirectory creates the data directory and the secrets in it, or reads those of an earlier run.
func (d *dev) prepareDirectory() error {
	path := filepath.Join(d.dir, devSecretsName)
	if d.cmd.Bool("fresh") {
		if err := removeDevDirectory(d.dir, path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	// The last run's files are stale until everything is ready again.
	for _, name := range []string{devFileName, devEnvName} {
		if err := os.Remove(filepath.Join(d.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--data-dir: %w", err)
		}
	}
	content, err := os.ReadFile(path) //nolint:gosec // in the directory that the user named
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.sayf("creating the data directory %s", d.dir)
		d.secrets = devSecrets{
			MasterKey: models.RandomHex(32), Seed: models.RandomHex(32),
			OperatorPassword: models.RandomHex(8), AdminPassword: models.RandomHex(8),
		}
		if err := writeJSON(path, d.secrets); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("--data-dir: %w", err)
	default:
		d.sayf("using the data directory %s (--fresh starts over)", d.dir)
		if err := json.Unmarshal(content, &d.secrets); err != nil {
			return damaged(path, err)
		}
	}
	return d.useSecrets(path)
}

// useSecrets derives the settings that come from the data directory's secrets.
func (d *dev) useSecrets(path string) error {
	if err := masterKey(&d.settings.MasterKey)(d.secrets.MasterKey); err != nil {
		return damaged(path, fmt.Errorf("the master key %w", err))
	}
	seed, err := hex.DecodeString(d.secrets.Seed)
	if err != nil {
		return damaged(path, err)
	}
	if d.file.XPub, err = chain.NewDevXPub(seed); err != nil {
		return fmt.Errorf("derive the xpub: %w", err)
	}
	d.settings.XPub, err = chain.NewXPub(d.file.XPub)
	return err
}

func damaged(path string, err error) error {
	return fmt.Errorf("%s is damaged, use --fresh to start over: %w", path, err)
}

// removeDevDirectory deletes the data directory. It returns an error if the directory holds files but not the marker,
// because then paycow dev has not made it.
func removeDevDirectory(dir, marker string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if _, markerErr := os.Stat(marker); err != nil || markerErr != nil {
		return fmt.Errorf("--fresh deletes only a directory that paycow dev has made, which %s is not", dir)
	}
	return os.RemoveAll(dir)
}

// writeFiles writes dev.json, and dev.env: the same credentials for a shell.
func (d *dev) writeFiles() error {
	env := fmt.Sprintf("export PAYCOW_URL='%s' PAYCOW_API_KEY='%s' PAYCOW_API_SECRET='%s'\n",
		d.file.APIURL, d.file.Operator.APIKey, d.file.Operator.APISecret)
	if err := replaceFile(filepath.Join(d.dir, devEnvName), []byte(env)); err != nil {
		return err
	}
	return writeJSON(filepath.Join(d.dir, devFileName), d.file)
}

// writeJSON replaces a file by a value's JSON.
func writeJSON(path string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(content, '\n'))
}

// replaceFile replaces a file that holds secrets in one step, so that a reader never sees half of it.
func replaceFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(temporary, path)
}
