package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each error that an account's pages can show has a text in every language but the API's, and no text is for an error
// that does not exist.
func TestErrorsHaveTextsInEveryLanguage(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	for _, e := range documentedErrors {
		codes[e.Code] = true
	}
	for _, found := range codesInSource(t) {
		code := found[strings.LastIndex(found, " ")+1:]
		if !strings.HasSuffix(code, "_") { // the documented errors have the rest
			codes[code] = true
		}
	}
	require.Greater(t, len(codes), 60)
	for _, tag := range []string{"de", "es", "fr", "pt", "ar", "zh"} {
		var texts map[string]any
		require.NoError(t, json.Unmarshal([]byte(readFile(t, "../web/messages/app."+tag+".json")), &texts))
		for code := range codes {
			if texts["error:"+code] == nil {
				t.Errorf("%s: no text for error:%s", tag, code)
			}
		}
		for key := range texts {
			if code, isError := strings.CutPrefix(key, "error:"); isError {
				require.True(t, codes[code], "%s: no error has the code %s", tag, code)
			}
		}
	}
}
