package web

import (
	"io"

	"paycow/models"
)

// AppPage is a page of operators or admins. It is the same for everybody: its script fills it with the responses of
// calls.
type AppPage string

// The pages of operators and admins.
const (
	PageRegister  AppPage = "register.html"
	PageLogin     AppPage = "login.html"
	PageDashboard AppPage = "dashboard.html"
	PageAdmin     AppPage = "admin.html"
	PagePassword  AppPage = "password.html" // takes a new password from whoever has a link
)

// AppPages returns every page of operators and admins.
func AppPages() []AppPage {
	return []AppPage{PageRegister, PageLogin, PageDashboard, PageAdmin, PagePassword}
}

// WriteAppPage writes a page of operators or admins.
func WriteAppPage(w io.Writer, l Language, page AppPage) error {
	return writeIn(w, l, string(page), struct{ AuditActions []models.AuditAction }{models.AuditActions()})
}
