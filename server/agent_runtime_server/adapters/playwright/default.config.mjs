// The configuration of a workspace that brings none: every test below it, in Playwright's own default browser.
export default {};
