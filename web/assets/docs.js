// Copy buttons, the chosen language and old links. The page is complete without this script.
const announcement = document.getElementById('announce');
const remembered = 'paycow.docs.language';

function announce(text) {
  announcement.textContent = '';
  setTimeout(() => { announcement.textContent = text; }, 50);
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll('button.copy')) {
    const visible = button.firstChild;
    const word = visible.data;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const code = button.closest('figure').querySelector('code');
      try {
        await navigator.clipboard.writeText(code.textContent);
        visible.data = 'Copied';
        announce('Copied.');
        setTimeout(() => { visible.data = word; }, 2000);
      } catch {
        getSelection().selectAllChildren(code);
        announce('Your browser does not allow copying. The text is selected.');
      }
    });
  }
}

// The language is chosen once for the whole page.
const languages = document.querySelectorAll('.languages input');
function choose(language) {
  for (const input of languages) if (input.value === language) input.checked = true;
}
try { choose(localStorage.getItem(remembered)); } catch { /* storage may be disabled */ }
for (const input of languages) {
  input.addEventListener('change', () => {
    choose(input.value);
    try { localStorage.setItem(remembered, input.value); } catch { /* storage may be disabled */ }
  });
}

// Old links name a part of the first page that has a page of its own now.
function follow() {
  const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  const moved = named && named.matches('.index > li') && named.querySelector('a');
  if (moved) location.replace(moved.href);
}
follow();
addEventListener('hashchange', follow);

// Without this script all lists stay open. With it, the text comes first on narrow screens; on wide ones the contents
// have a column of their own. The page is drawn after this script (blocking="render"), so nothing moves.
const contents = document.querySelector('.contents details');
if (!matchMedia('(min-width:60.01rem)').matches) contents.open = false;
for (const list of document.querySelectorAll('[aria-labelledby=topics] details')) list.open = false;
