using System.Xml;
using Vireo.Surface;

namespace Vireo.Cli.Verbs;

/// <summary>
/// Prints the help of all commands as PowerShell's <c>Get-Help</c> reads it (MAML). The build writes it beside the module; it is made of
/// the same tables as <c>vireo help</c>.
/// </summary>
internal static class MamlVerb
{
    /// <summary>The verb that the build calls.</summary>
    public const string Name = "__maml";

    private const string Help = "http://msh";
    private const string Maml = "http://schemas.microsoft.com/maml/2004/10";
    private const string Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private const string Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    public static Task<int> RunAsync(VerbContext context)
    {
        Write(context.Terminal.Out);
        return Task.FromResult(ExitStatus.Ok);
    }

    /// <summary>Writes the document.</summary>
    internal static void Write(TextWriter output)
    {
        using var xml = XmlWriter.Create(output, new XmlWriterSettings { Indent = true, NewLineChars = "\n", CloseOutput = false });
        xml.WriteStartElement("helpItems", Help);
        xml.WriteAttributeString("schema", "maml");
        foreach (var name in CommandTable.Names)
        {
            WriteCommand(xml, CommandTable.Find(name)!);
        }

        xml.WriteEndElement();
    }

    private static void WriteCommand(XmlWriter xml, CommandInfo command)
    {
        xml.WriteStartElement("command", "command", Command);
        xml.WriteAttributeString("xmlns", "maml", null, Maml);
        xml.WriteAttributeString("xmlns", "dev", null, Dev);
        xml.WriteStartElement("details", Command);
        xml.WriteElementString("name", Command, command.Name);
        Paragraph(xml, "description", command.Synopsis);
        xml.WriteElementString("verb", Command, command.Verb);
        xml.WriteElementString("noun", Command, command.Noun);
        xml.WriteEndElement();
        Paragraph(xml, "description", Description(command));
        xml.WriteStartElement("syntax", Command);
        foreach (var set in command.Sets)
        {
            xml.WriteStartElement("syntaxItem", Command);
            xml.WriteElementString("name", Maml, command.Name);
            foreach (var parameter in command.Parameters)
            {
                if (parameter.In(set) is { } place)
                {
                    WriteParameter(xml, parameter, place);
                }
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteStartElement("parameters", Command);
        foreach (var parameter in command.Parameters)
        {
            WriteParameter(xml, parameter, parameter.Places[0]);
        }

        xml.WriteEndElement();
        WriteTypes(xml, "returnValues", "returnValue", command.OutputTypes);
        WriteExamples(xml, command);
        xml.WriteEndElement();
    }

    private static string Description(CommandInfo command)
    {
        var text = command.Description.Length > 0 ? command.Description : command.Synopsis;
        return command.Errors.Count == 0 ? text : text + " Errors: "
            + string.Join("; ", command.Errors.Select(static error => $"{error.ErrorId} ({error.Category}) when {error.When}")) + ".";
    }

    private static void WriteParameter(XmlWriter xml, ParameterInfo parameter, ParameterPlace place)
    {
        xml.WriteStartElement("parameter", Command);
        xml.WriteAttributeString("required", place.Mandatory ? "true" : "false");
        xml.WriteAttributeString("globbing", parameter.Wildcards ? "true" : "false");
        xml.WriteAttributeString("pipelineInput", (place.FromPipeline, place.FromPipelineByName) switch
        {
            (true, true) => "True (ByValue, ByPropertyName)",
            (true, false) => "True (ByValue)",
            (false, true) => "True (ByPropertyName)",
            _ => "False",
        });
        xml.WriteAttributeString("position", place.Position < 0 ? "named" : XmlConvert.ToString(place.Position));
        if (parameter.Aliases.Count > 0)
        {
            xml.WriteAttributeString("aliases", string.Join(", ", parameter.Aliases));
        }

        xml.WriteElementString("name", Maml, parameter.Name);
        Paragraph(xml, "description", HelpVerb.Meaning(parameter));
        if (parameter.Kind != ParameterKind.Switch)
        {
            xml.WriteStartElement("parameterValue", Command);
            xml.WriteAttributeString("required", "true");
            xml.WriteString(parameter.TypeName);
            xml.WriteEndElement();
        }

        xml.WriteStartElement("type", Dev);
        xml.WriteElementString("name", Maml, parameter.TypeName);
        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static void WriteTypes(XmlWriter xml, string list, string item, IReadOnlyList<string> types)
    {
        xml.WriteStartElement(list, Command);
        foreach (var type in types)
        {
            xml.WriteStartElement(item, Command);
            xml.WriteStartElement("type", Dev);
            xml.WriteElementString("name", Maml, type);
            xml.WriteEndElement();
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void WriteExamples(XmlWriter xml, CommandInfo command)
    {
        xml.WriteStartElement("examples", Command);
        for (var i = 0; i < command.Examples.Count; i++)
        {
            xml.WriteStartElement("example", Command);
            xml.WriteElementString("title", Maml, $"Example {i + 1}");
            xml.WriteElementString("code", Dev, command.Examples[i].Line);
            Paragraph(xml, "remarks", Dev, command.Examples[i].Effect);
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

    private static void Paragraph(XmlWriter xml, string element, string text) => Paragraph(xml, element, Maml, text);

    private static void Paragraph(XmlWriter xml, string element, string space, string text)
    {
        xml.WriteStartElement(element, space);
        xml.WriteElementString("para", Maml, text);
        xml.WriteEndElement();
    }
}
