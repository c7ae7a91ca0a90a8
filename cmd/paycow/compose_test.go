//go:build !slim

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"paycow/chain"
)

// TestComposeServicesHaveTheirSettings starts what each service of docker-compose.yml runs, with the environment and the
// secrets that the file gives it and no other. Each gets past the check of its settings.
func TestComposeServicesHaveTheirSettings(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	xpub, err := chain.NewDevXPub([]byte(strings.Repeat("c", 16)))
	require.NoError(t, err)
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "docker-compose.yml")}},
		Environment: map[string]string{"PAYCOW_PUBLIC_URL": "https://pay.example.com", "PAYCOW_XPUB": xpub},
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
	require.NoError(t, err)

	const noSchema = "paycow migrate"
	for service, end := range map[string]struct {
		args []string
		says string
	}{
		"api": {says: noSchema}, "worker": {says: noSchema}, "tool": {args: []string{"reconcile"}, says: noSchema},
		"operator": {args: []string{"create", "--email", "shop@example.com", "--name", "Shop"}, says: noSchema},
		"admin":    {args: []string{"list"}, says: noSchema},
		"migrate":  {},
	} {
		t.Run(service, func(t *testing.T) {
			folder := t.TempDir()
			for name, content := range map[string]string{
				"database_url": "sqlite:" + filepath.Join(folder, "paycow.db"), "master_key": strings.Repeat("5a", 32),
				"eth_rpc_urls": "http://127.0.0.1:1",
			} {
				require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content+"\n"), 0o600))
			}
			s := project.Services[service]
			require.NotEmpty(t, s.Name)
			args := append([]string(nil), s.Entrypoint...)
			if len(args) > 0 {
				require.Equal(t, "/bin/paycow", args[0])
				args = args[1:]
			}
			given := map[string]bool{}
			for _, secret := range s.Secrets {
				given["/run/secrets/"+secret.Source] = true
			}
			cmd := program(t, append(append(args, s.Command...), end.args...)...)
			cmd.Dir = t.TempDir()
			for name, value := range s.Environment {
				if strings.HasPrefix(*value, "/run/secrets/") {
					require.True(t, given[*value], "%s names a secret that the service is not given", name)
					*value = filepath.Join(folder, filepath.Base(*value))
				}
				cmd.Env = append(cmd.Env, name+"="+*value)
			}
			out, err := cmd.CombinedOutput()
			if end.says == "" {
				require.NoError(t, err, string(out))
				return
			}
			require.Error(t, err)
			require.Contains(t, string(out), end.says)
			require.NotContains(t, string(out), "must be set")
		})
	}
}
