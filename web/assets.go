package web

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// bundles are the style sheets that are made of several files, in this order.
var bundles = map[string][]string{
	"checkout.css": {"base.css", "checkout.css"},
	"page.css":     {"base.css", "page.css"},
	"app.css":      {"base.css", "app.css"},
	"docs.css":     {"base.css", "docs.css"},
}

// Asset is a file that pages load: a style, a script or a picture.
type Asset struct {
	Name        string
	Version     string // of its content; part of its address, so that a browser may keep it for ever
	ContentType string
	Content     []byte
}

// Path is where the asset is served.
func (a Asset) Path() string { return "/assets/" + a.Version + "/" + a.Name }

var assets = mustReadAssets()

// FindAsset returns an asset by its version and its name.
func FindAsset(version, name string) (Asset, bool) {
	asset, ok := assets[strings.TrimPrefix(name, "/")]
	return asset, ok && asset.Version == version
}

// assetPath is what templates name an asset by.
func assetPath(name string) (string, error) {
	asset, ok := assets[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return asset.Path(), nil
}

func mustReadAssets() map[string]Asset {
	found := map[string]Asset{}
	err := fs.WalkDir(assetFiles, "assets", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(file, "assets/")
		parts, isBundle := bundles[name]
		if !isBundle {
			parts = []string{name}
		}
		var content []byte
		for _, part := range parts {
			text, err := assetFiles.ReadFile("assets/" + part)
			if err != nil {
				return fmt.Errorf("asset %s: %w", name, err)
			}
			content = append(content, text...)
		}
		found[name] = Asset{Name: name, Version: versionOf(content), ContentType: contentType(name), Content: content}
		return nil
	})
	if err != nil {
		panic(err) // the files are embedded: what is missing is a broken build
	}
	return found
}

// contentType is that of a file by its ending. Which endings are known depends on the machine; a licence is text everywhere.
func contentType(name string) string {
	return cmp.Or(mime.TypeByExtension(path.Ext(name)), "text/plain; charset=utf-8")
}

// versionOf returns a name for the content: it changes when the content does.
func versionOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6])
}
