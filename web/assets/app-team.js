// The team of an operator, as its owner and admins see it.
(() => {
  'use strict';
  const { $, el, t, parts, call, query, fill, table, time, badge, empty, ask, toast, confirmFields, confirmation, copyable } = window.paycow;

  const roles = [['accountant', t('Accountant')], ['developer', t('Developer')]];
  const nameOfRole = (role) => roles.find(([value]) => value === role)?.[1] ?? role;
  const columns = [
    { title: t('Member'), class: 'wrap full', cell: (m) => el('span', {}, el('strong', {}, el('bdi', {}, m.email)), ' ', m.status === 'ACTIVE' ? '' : badge(m.status),
      m.invitedUntil ? el('span', { class: 'sub' }, parts('link ends {time}', { time: time(m.invitedUntil) })) : m.status === 'ALTERED' ? el('span', { class: 'sub' }, t('Changed outside PayCow, so it cannot log in. Remove it and tell the admin.')) : '') },
    { title: t('Role'), label: true, cell: (m) => nameOfRole(m.role) },
    { title: t('Two-step login'), label: true, cell: (m) => (m.totpEnabled ? t('On') : t('Off')) },
    { title: t('Since'), label: true, cell: (m) => time(m.createdAt) },
  ];

  // showMembers lists members in an element. actions are the buttons of a member: [label, class, run(member)].
  function showMembers(list, members, actions) {
    const buttons = (member) => actions(member).map(([label, look, run]) => el('button', {
      type: 'button', class: 'button small ' + look, 'data-key': label + member.id, onclick: () => run(member),
    }, label, el('span', { class: 'visually-hidden' }, ' ', el('bdi', {}, member.email))));
    fill(list, JSON.stringify([members, members.map((m) => actions(m).length)]), () => (members.length ? table(t('Members'), [...columns,
      { title: t('Change'), isQuiet: true, class: 'full', cell: (m) => el('div', { class: 'actions' }, buttons(m)) },
    ], members) : empty(t('Nobody else'), t('The owner alone logs in here.'))));
  }

  const title = () => $('#team-title');
  const focusTitle = () => { if (!document.activeElement || document.activeElement === document.body) title().focus(); };
  const isGone = t('All sessions of this person end at once.');

  // team returns the owner's view. me returns the account, reload loads the view again.
  function team(me, reload) {
    const view = $('[data-view="team"]');
    const invite = $('[data-invite]', view);
    const path = (member) => '/api/team/' + encodeURIComponent(member.id);

    // showLink says who got a link, and shows it if the owner is to pass it on.
    const showLink = ({ member, link }) => ask({
      title: t('Link for {name}', { name: member.email }),
      text: [link.mailedTo ? parts('It was mailed to {address}.', { address: link.mailedTo }) : link.mailProblem ? parts('It was not mailed: {reason}', { reason: el('bdi', { lang: 'en' }, link.mailProblem) }) : t('Pass it on in a way that nobody else reads.'),
        link.mailProblem ? t('Try again later with “New link”.') : t('With it the person sets a password. It works once, for 24 hours.'),
        link.url && t('It is not shown here again.'),
        link.url && copyable(link.url, t('Link'))].filter(Boolean),
      confirm: t('Done'), isNotice: true, run: async () => {},
    });

    // change asks for a confirmation, makes a call and shows the link that it answers with.
    async function change(question, send) {
      let answer;
      const isDone = await ask({ ...question, fields: [...(question.fields || []), ...confirmFields(me())], run: async (values) => { answer = await send(values); } });
      if (!isDone) return;
      if (answer.link) await showLink(answer);
      await reload();
      focusTitle();
    }

    invite.addEventListener('click', () => change({
      title: t('Invite a member'), text: t('The person gets a link to set a password, and logs in with it.'),
      fields: [
        { name: 'email', label: t('E-mail'), type: 'email', required: true, maxlength: 254, autocomplete: 'off' },
        { name: 'role', label: t('Role'), required: true, options: roles },
      ],
      confirm: t('Invite'),
    }, ({ email, role, ...values }) => call('POST', '/api/team', { email: email.trim(), role, ...confirmation(values) })));

    const changeRole = (member) => {
      const other = roles.find(([value]) => value !== member.role);
      return change({ title: other[0] === 'accountant' ? t('Make {email} an accountant?', member) : t('Make {email} a developer?', member), text: isGone, confirm: t('Change role'), danger: true },
        async (values) => {
          const after = await call('PATCH', path(member), { role: other[0], ...confirmation(values) });
          toast(after.role === 'accountant' ? t('{email} is an accountant now.', after) : t('{email} is a developer now.', after));
          return after;
        });
    };
    const newLink = (member) => change({ title: t('New link for {email}?', member), text: t('For an invitation that ran out, or a forgotten password. It replaces the earlier link.'), confirm: t('Create link') },
      (values) => call('POST', path(member) + '/link', confirmation(values)));

    async function remove(member) {
      const isDone = await ask({
        title: t('Remove {email}?', member), confirm: t('Remove'), danger: true,
        text: [isGone, member.role === 'developer' ? t('API keys and webhook secrets that this person has seen keep working. Rotate them under Credentials, Keys and Webhooks.') : ''].filter(Boolean),
        run: () => call('DELETE', path(member)),
      });
      if (!isDone) return;
      toast(t('{email} is removed.', member));
      await reload();
      focusTitle();
    }

    return {
      show() { invite.hidden = me().status !== 'ACTIVE'; },
      async load(isCurrent) {
        const { members } = await call('GET', '/api/team');
        if (!isCurrent()) return;
        const isActive = me().status === 'ACTIVE';
        showMembers($('[data-list]', view), members, (m) => [
          ...(isActive && m.status !== 'ALTERED' ? [[t('Change role'), '', changeRole], [t('New link'), '', newLink]] : []), [t('Remove'), 'danger', remove],
        ]);
      },
    };
  }

  // teamOfOperator returns the view in which an admin sees an operator's team.
  function teamOfOperator(me, reload) {
    const view = $('[data-view="team"]');
    let operatorID = '';
    const path = () => `/api/admin/operators/${encodeURIComponent(operatorID)}`;
    async function remove(member) {
      const isDone = await ask({
        title: t('Remove {email}?', member), text: [isGone, t('Recorded in the audit log with your name.')], fields: confirmFields(me()), confirm: t('Remove'), danger: true,
        run: (values) => call('POST', `${path()}/members/${encodeURIComponent(member.id)}/remove`, confirmation(values)),
      });
      if (!isDone) return;
      toast(t('{email} is removed.', member));
      await reload();
      focusTitle();
    }
    return {
      tab: 'operators',
      show(id) {
        if (id !== operatorID) for (const part of ['[data-list]', '[data-team-of]']) fill($(part, view), '');
        operatorID = id;
      },
      async load(isCurrent) {
        const [{ members }, { operators }] = await Promise.all([call('GET', path() + '/members'), call('GET', '/api/admin/operators' + query({ search: operatorID }))]);
        if (!isCurrent()) return;
        const operator = operators.find((one) => one.id === operatorID);
        fill($('[data-team-of]'), operatorID, operator ? parts('Of {name}, owned by {email}.', operator) : parts('Of operator {id}.', { id: operatorID }));
        showMembers($('[data-list]', view), members, () => [[t('Remove'), 'danger', remove]]);
      },
    };
  }

  Object.assign(window.paycow, { team, teamOfOperator });
})();
