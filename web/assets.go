package web

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/url"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// bundles are the style sheets that consist of several files, in this order.
var bundles = map[string][]string{
	"checkout.css": {"base.css", "checkout.css"},
	"page.css":     {"base.css", "page.css"},
	"app.css":      {"base.css", "app.css"},
	"docs.css":     {"base.css", "docs.css"},
}

// Asset is a file that pages load: a style sheet, a script or an image.
type Asset struct {
	Name        string
	Version     string // of its content; part of its path, so that browsers may cache it for good
	ContentType string
	Content     []byte
}

// Path returns the path under which the asset is served.
func (a Asset) Path() string { return "/assets/" + a.Version + "/" + a.Name }

var assets = mustReadAssets()

// FindAsset returns the asset with this version and name. ok is false if there is none.
func FindAsset(version, name string) (Asset, bool) {
	asset, ok := assets[strings.TrimPrefix(name, "/")]
	return asset, ok && asset.Version == version
}

// NamedAsset returns the asset with this name, for addresses that do not change. The name must exist.
func NamedAsset(name string) Asset {
	asset, ok := assets[name]
	if !ok {
		panic("no such asset: " + name) // the files are embedded, so this means a broken build
	}
	return asset
}

// assetPath returns the path of an asset, for templates.
func assetPath(name string) (string, error) {
	asset, ok := assets[name]
	if !ok {
		return "", fmt.Errorf("no such asset: %q", name)
	}
	return asset.Path(), nil
}

// iconData returns the icon as a data URL, for pages that must load quickly.
func iconData() template.URL {
	icon := strings.ReplaceAll(string(NamedAsset("app-icon.svg").Content), `"`, "'")
	for _, special := range []string{"%", "#", "<", ">", "'"} {
		icon = strings.ReplaceAll(icon, special, url.PathEscape(special))
	}
	return template.URL("data:image/svg+xml," + strings.TrimSpace(icon)) //nolint:gosec // of our own icon
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
	for _, l := range languages {
		asset, failure := l.textsAsset()
		found[asset.Name], err = asset, errors.Join(err, failure)
	}
	if err != nil {
		panic(err) // the files are embedded, so an error means a broken build
	}
	return found
}

// contentType returns the media type for a file's extension. Files without a known one, such as licences, are plain
// text. Not every system knows the one of icons.
func contentType(name string) string {
	if path.Ext(name) == ".ico" {
		return "image/x-icon"
	}
	return cmp.Or(mime.TypeByExtension(path.Ext(name)), "text/plain; charset=utf-8")
}

// versionOf returns a version that changes when the content does.
func versionOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:6])
}
