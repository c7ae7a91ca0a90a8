// Package deploy checks the files that bring PayCow onto other machines, as far as that goes without a container engine.
package deploy

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(content)
}

// environment is what a user has after filling in a copy of .env.example.
func environment(t *testing.T) map[string]string {
	t.Helper()
	values, err := dotenv.Read(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	values["PAYCOW_XPUB"] = "xpub-of-the-shop"
	return values
}

func load(t *testing.T, environment map[string]string) (*types.Project, error) {
	t.Helper()
	folder, err := filepath.Abs(root)
	require.NoError(t, err)
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, "docker-compose.yml")}},
		Environment: environment,
	}, func(o *loader.Options) { o.Profiles = []string{"*"} })
}

func loaded(t *testing.T) *types.Project {
	t.Helper()
	project, err := load(t, environment(t))
	require.NoError(t, err)
	return project
}

func TestComposeFileLoads(t *testing.T) {
	t.Parallel()
	project := loaded(t)
	assert.Equal(t, []string{"admin", "api", "migrate", "operator", "postgres", "temporal", "temporal-schema", "temporal-ui", "tool", "worker"}, project.ServiceNames())
	assert.Equal(t, "service_healthy", project.Services["migrate"].DependsOn["postgres"].Condition)
	for _, name := range []string{"admin", "api", "worker", "operator", "tool"} {
		assert.Equal(t, "service_completed_successfully", project.Services[name].DependsOn["migrate"].Condition, name)
	}
	assert.NotContains(t, project.Services["api"].DependsOn, "temporal", "the API takes payments while Temporal is away")
}

func TestComposeAsksForWhatOnlyTheUserKnows(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"PAYCOW_PUBLIC_URL", "PAYCOW_XPUB"} {
		values := environment(t)
		values[name] = ""
		_, err := load(t, values)
		require.ErrorContains(t, err, name)
	}
}

// settings are the names in the program's table of settings.
func settings(t *testing.T) []string {
	t.Helper()
	var names []string
	row := regexp.MustCompile(`\bname: "([A-Z_]+)"`)
	for _, match := range row.FindAllStringSubmatch(read(t, "cmd/paycow/settings.go"), -1) {
		names = append(names, "PAYCOW_"+match[1])
	}
	require.Contains(t, names, "PAYCOW_DATABASE_URL", "the table of settings has another form now: adapt this test")
	return names
}

func TestComposeSetsOnlySettingsThatExist(t *testing.T) {
	t.Parallel()
	known := settings(t)
	for _, service := range loaded(t).Services {
		for name := range service.Environment {
			if strings.HasPrefix(name, "PAYCOW_") {
				assert.Contains(t, known, strings.TrimSuffix(name, "_FILE"), service.Name)
			}
		}
	}
	for _, name := range regexp.MustCompile(`(?m)^(?:# )?(PAYCOW_\w+)=`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		if name[1] != "PAYCOW_HTTP_PORT" { // a published port, not a setting
			assert.Contains(t, known, name[1], ".env.example")
		}
	}
}

// A secret comes from a file that the service was given, and stands in no environment.
func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	inContainer := regexp.MustCompile(`/run/secrets/(\w+)`)
	for _, service := range loaded(t).Services {
		var given, read []string
		for _, secret := range service.Secrets {
			given = append(given, secret.Source)
		}
		texts := append(slices.Clone([]string(service.Command)), service.Entrypoint...)
		for name, value := range service.Environment {
			texts = append(texts, *value)
			if regexp.MustCompile(`PASSWORD|PWD|KEY|SECRET|DATABASE_URL|RPC_URL`).MatchString(name) {
				assert.True(t, strings.HasPrefix(*value, "/run/secrets/") && strings.HasSuffix(name, "_FILE"), "%s of %s is not read from a secret", name, service.Name)
			}
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				content, err := os.ReadFile(volume.Source)
				require.NoError(t, err, service.Name)
				texts = append(texts, string(content))
			}
		}
		for _, match := range inContainer.FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
			read = append(read, match[1])
		}
		// The postgres image reads its superuser's password; everything else is named in the files above.
		slices.Sort(given)
		slices.Sort(read)
		assert.Equal(t, given, slices.Compact(read), "%s is given other secrets than it reads", service.Name)
	}
}

func TestMakeSecretsMakesWhatComposeReads(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "secrets")
	run := func() string {
		output, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "make-secrets"), folder).CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	run()
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	contents := map[string]string{}
	for _, secret := range loaded(t).Secrets {
		content, err := os.ReadFile(filepath.Join(folder, filepath.Base(secret.File)))
		require.NoError(t, err)
		contents[filepath.Base(secret.File)] = strings.TrimSpace(string(content))
	}
	require.Regexp(t, `^[0-9a-f]{64}$`, contents["master_key"])
	require.NotEqual(t, contents["temporal_db_password"], contents["paycow_db_password"])
	require.Equal(t, "postgres://paycow:"+contents["paycow_db_password"]+"@postgres:5432/paycow?sslmode=disable", contents["database_url"])
	require.Empty(t, run(), "a second run must change nothing")
}

// What runs in the containers is of the versions that go.mod names and the tests ran with.
func TestVersionsAreThoseOfTheModule(t *testing.T) {
	t.Parallel()
	mod := read(t, "go.mod")
	version := func(pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(mod)
		require.NotNil(t, match, pattern)
		return match[1]
	}
	services := loaded(t).Services
	server := version(`go\.temporal\.io/server v(\S+)`)
	assert.Equal(t, "temporalio/server:"+server, services["temporal"].Image)
	assert.Equal(t, "temporalio/admin-tools:"+server, services["temporal-schema"].Image)
	assert.Equal(t, "temporalio/ui:"+version(`temporalio/ui-server/v2 v(\S+)`), services["temporal-ui"].Image)
	docker := read(t, "Dockerfile")
	assert.Contains(t, docker, "golang:"+version(`(?m)^go (\S+)`)+"-")
	for _, match := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(docker, -1) {
		assert.Regexp(t, `^(scratch|[a-z]+:\d+\.\d+\.\d+.*)$`, match[1], "not pinned")
	}
}

// Everything that the slim build embeds or compiles must get through .dockerignore. The rules of that file that matter are
// few, so they are read here as they are written.
func TestImageContextHoldsWhatTheBuildEmbeds(t *testing.T) {
	t.Parallel()
	ignore := strings.Split(read(t, ".dockerignore"), "\n")
	command := exec.CommandContext(t.Context(), "go", "list", "-tags", "slim", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, "./cmd/paycow")
	command.Dir = root
	output, err := command.Output()
	require.NoError(t, err)
	folder, err := filepath.Abs(root)
	require.NoError(t, err)
	files := strings.Fields(string(output))
	require.NotEmpty(t, files)
	for _, file := range files {
		file, err := filepath.Rel(folder, file)
		require.NoError(t, err)
		assert.True(t, isInContext(ignore, file), "%s is kept out of the image's context by .dockerignore", file)
	}
	for _, secret := range []string{"secrets/master_key", ".env", ".paycow/secrets.json", ".git/config"} {
		assert.False(t, isInContext(ignore, secret), "%s would get into the image's context", secret)
	}
}

// isInContext applies the rules in order: the last one that matches the file or a folder above it decides.
func isInContext(rules []string, file string) bool {
	in := true
	for _, rule := range rules {
		rule = strings.TrimSpace(rule)
		if rule == "" || strings.HasPrefix(rule, "#") {
			continue
		}
		pattern, include := strings.CutPrefix(rule, "!")
		expression := regexp.QuoteMeta(pattern)
		expression = strings.ReplaceAll(expression, `\*\*/`, `(.*/)?`)
		expression = strings.ReplaceAll(expression, `\*`, `[^/]*`)
		if regexp.MustCompile(`^` + expression + `(/.*)?$`).MatchString(file) {
			in = include
		}
	}
	return in
}
