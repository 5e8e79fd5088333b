# What people do in Redmine, through its own models: `rails runner redmine_life.rb write|read|go_on`.
require "base64"
require "json"

PASSWORD = "Geheim-über-alles 🎈1"
PICTURE = (0..255).map(&:chr).join.b * 3

def person(login, **more)
  user = User.new({ firstname: "Zoë", lastname: "O'Brien – Şahin", mail: "#{login}@example.org", language: "de" }.merge(more))
  user.login = login
  user.password = user.password_confirmation = PASSWORD
  user.save!
  user
end

def write
  zoe = person("zoe", admin: true)
  bob = person("bob", lastname: "B", status: User::STATUS_LOCKED)
  Role.givable.first.update!(settings: { "permissions_all_trackers" => { "view_issues" => "0" } })
  field = IssueCustomField.create!(
    name: "Größe", field_format: "list", possible_values: ["klein", "groß; \"sehr\"", "🐘"], multiple: true, is_for_all: true,
    trackers: Tracker.all, is_filter: true
  )
  project = Project.new(name: "Vögel & Käfer", identifier: "voegel", description: "", trackers: Tracker.all)
  project.enabled_module_names = %w[issue_tracking wiki boards time_tracking news documents]
  project.save!
  child = Project.new(name: "Kind", identifier: "kind", is_public: false, trackers: Tracker.all)
  child.save!
  child.set_parent!(project)
  Member.create!(project: project, principal: zoe, roles: [Role.givable.first])
  version = Version.create!(project: project, name: "1.0", effective_date: Date.new(2024, 2, 29), description: nil)
  first = Issue.create!(
    project: project, author: zoe, tracker: Tracker.first, status: IssueStatus.first, priority: IssuePriority.first,
    subject: "Erste Frage ✓", description: "Zeile 1\r\nZeile 2\t“quotes”", estimated_hours: 0.1, fixed_version: version,
    custom_field_values: { field.id.to_s => ["klein", "🐘"] }
  )
  second = Issue.create!(
    project: project, author: bob, tracker: Tracker.last, status: IssueStatus.first, priority: IssuePriority.last,
    subject: "Zweite", description: "", is_private: true, due_date: Date.new(2030, 12, 31)
  )
  second.reload.parent_issue_id = first.id
  second.save!
  first.reload
  first.init_journal(zoe, "Geändert: naïve café")
  first.done_ratio = 50
  first.save!
  IssueRelation.create!(issue_from: second.reload, issue_to: create_other(project, zoe), relation_type: "blocks")
  TimeEntry.create!(
    project: project, issue: first, user: zoe, author: zoe, hours: 1.3333, spent_on: Date.new(2024, 6, 25),
    activity: TimeEntryActivity.first, comments: ""
  )
  page = WikiPage.create!(wiki: project.wiki, title: "Übersicht")
  content = WikiContent.new(page: page, text: "h1. Grüße\n\n* eins", author: zoe)
  page.save_with_content(content)
  content.text += "\n* zwei"
  content.save!
  Setting.app_title = "Fälle & Fragen"
  Setting.default_projects_modules = %w[issue_tracking wiki]
  IssueQuery.create!(name: "Meine", user: zoe, filters: { "status_id" => { operator: "o", values: [""] } }, visibility: 2)
  attachment = Attachment.new(file: PICTURE, author: zoe, filename: "bild ü.bin", container: first, content_type: "image/x-test")
  attachment.save!
  Token.create!(user: zoe, action: "api")
  zoe.pref.update!(time_zone: "Tokyo", others: { comments_sorting: "desc" })
  Board.create!(project: project, name: "Forum", description: "Über alles")
  Message.create!(board: Board.first, subject: "Hallo", content: "Text", author: zoe, sticky: 1)
end

def create_other(project, author)
  Issue.create!(
    project: project, author: author, tracker: Tracker.first, status: IssueStatus.last, priority: IssuePriority.first, subject: "Dritte"
  )
end

def plain(value)
  case value
  when Time, DateTime then value.utc.iso8601(6)
  when Date then value.iso8601
  when BigDecimal then value.to_s("F")
  when String
    text = value.dup.force_encoding("UTF-8")
    text.valid_encoding? ? text : "base64 #{Base64.strict_encode64(value)}"
  else value
  end
end

def read
  Rails.application.eager_load!
  own = %w[schema_migrations ar_internal_metadata]
  models = ActiveRecord::Base.descendants.reject(&:abstract_class?).select { |model| model.base_class == model }.index_by(&:table_name)
  (ActiveRecord::Base.connection.tables - own).sort.to_h do |table|
    model = models[table]
    rows = if model&.primary_key
      model.unscoped.order(model.primary_key).map { |row| row.attributes.transform_values { |value| plain(value) } }
    else
      ActiveRecord::Base.connection.select_rows("SELECT * FROM #{table}").sort_by(&:to_s)
    end
    [table, rows]
  end.merge("found" => found)
end

def found
  User.current = User.find_by!(login: "zoe")
  { open: IssueQuery.all.map(&:issue_count), file: Base64.strict_encode64(File.binread(Attachment.first.diskfile))[0, 40],
    children: Issue.first.descendants.map(&:subject), allowed: Project.visible.order(:id).pluck(:identifier) }
end

def go_on
  user = User.try_to_login("zoe", PASSWORD) or raise "the old password does not open"
  raise "a locked account opens" if User.try_to_login("bob", PASSWORD)
  raise "any password opens" if User.try_to_login("zoe", "x")
  old = Issue.find_by!(subject: "Erste Frage ✓")
  raise "values of a list" unless old.custom_field_value(IssueCustomField.first) == ["klein", "🐘"]
  raise "times" unless old.created_on <= Time.now
  raise "a wiki's versions" unless WikiPage.first.content.versions.map(&:text).any? { |text| text.include?("eins") }
  old.init_journal(user, "weiter in PostgreSQL")
  old.status = IssueStatus.last
  old.save!
  fresh = create_other(Project.find("voegel"), user)
  person("carla")
  Project.find("kind").destroy
  { issue: fresh.id > old.id, journals: old.journals.count, found: Issue.where("LOWER(subject) LIKE ?", "%frage%").count,
    children: old.reload.descendants.count }
end

answer = case ARGV[0]
         when "write" then write && {}
         when "read" then read
         when "go_on" then go_on
         end
puts JSON.generate(answer)
