// The form in which an operator chooses what it is told by mail.
(() => {
  'use strict';
  const { $, t, call, onSubmit, toast, ask, confirmFields, confirmation } = window.paycow;

  // notifications returns the form and what reads it. account returns the account that is logged in.
  window.paycow.notifications = (account) => {
    const form = $('#notifications-form');
    function write(now) {
      for (const name of ['security', 'exceptions']) form.elements[name].checked = now[name];
      $('[data-no-mail]', form).hidden = now.enabled;
    }
    onSubmit(form, async () => {
      const wanted = {};
      for (const name of ['security', 'exceptions']) wanted[name] = form.elements[name].checked;
      let after;
      const isDone = await ask({
        title: t('Change the notifications?'), text: t('You get a mail about this change.'), fields: confirmFields(account()), confirm: t('Save'),
        run: async (values) => { after = await call('PUT', '/api/operator/notifications', { ...wanted, ...confirmation(values) }); },
      });
      if (!isDone) return;
      write(after);
      toast(t('Saved.'));
    });
    return { form, read: async () => write(await call('GET', '/api/operator/notifications')) };
  };
})();
